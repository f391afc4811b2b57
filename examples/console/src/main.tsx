import { createRoot } from 'react-dom/client';
import { App } from './view/app.js';
import { loadSettings } from './settings.js';

const root = document.getElementById('root');
if (!root) throw new Error('The page has no #root');
createRoot(root).render(<App settings={await loadSettings()} />);
